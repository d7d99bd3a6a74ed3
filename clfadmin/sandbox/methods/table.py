"""Every Web API method the sandbox knows, and those it knows to be missing."""

from clfadmin.sandbox.methods import chat, conversations, people
from clfadmin.sandbox.methods.call import Method

METHODS: dict[str, Method] = {
    method.name: method for method in (*people.METHODS, *chat.METHODS, *conversations.METHODS)
}

# A bot of this kind may want them; the sandbox answers `unknown_method`.
ABSENT = (
    "apps.uninstall",
    "auth.revoke",
    "chat.scheduleMessage",
    "chat.unfurl",
    "conversations.create",
    "conversations.invite",
    "conversations.leave",
    "conversations.setTopic",
    "files.completeUploadExternal",
    "files.getUploadURLExternal",
    "files.info",
    "oauth.v2.access",
    "reactions.get",
    "reactions.list",
    "users.lookupByEmail",
    "users.profile.get",
    "views.open",
    "views.publish",
    "views.push",
    "views.update",
)
