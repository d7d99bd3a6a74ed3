"""Every Web API method the sandbox knows, and those it knows to be missing."""

from clfadmin.sandbox.methods import chat, conversations, files, oauth, people, views
from clfadmin.sandbox.methods.call import Method

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        *files.METHODS,
        *oauth.METHODS,
        *people.METHODS,
        *chat.METHODS,
        *conversations.METHODS,
        *views.METHODS,
    )
}

# A bot of this kind may want them; the sandbox answers `unknown_method`.
ABSENT = (
    "chat.scheduleMessage",
    "chat.unfurl",
    "conversations.create",
    "conversations.invite",
    "conversations.leave",
    "conversations.setTopic",
    "reactions.get",
    "reactions.list",
    "users.lookupByEmail",
    "users.profile.get",
)
