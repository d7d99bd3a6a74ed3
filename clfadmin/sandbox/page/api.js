// The page's way to the sandbox: the same control door that tests use, and a socket that tells of changes.

// `/?team=Other` shows a second workspace.
const TEAM = new URLSearchParams(location.search).get("team");

export async function door(method, path, body) {
  const team = TEAM ? `${path.includes("?") ? "&" : "?"}team=${encodeURIComponent(TEAM)}` : "";
  const response = await fetch(`/_sandbox/${path}${team}`, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error || `The sandbox answered ${response.status}.`);
  return answer;
}

// Calls `onNote` for each change, `onOpen` at every (re)connection, `onLost` when the sandbox stops answering.
export function listen({ onNote, onOpen, onLost }) {
  let wait = 250;
  const connect = () => {
    const socket = new WebSocket(`ws://${location.host}/_sandbox/live`);
    socket.onopen = () => {
      wait = 250;
      onOpen();
    };
    socket.onmessage = (event) => onNote(JSON.parse(event.data));
    socket.onclose = () => {
      onLost();
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 4000);
    };
  };
  connect();
}
