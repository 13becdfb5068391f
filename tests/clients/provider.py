"""A scripted OpenAI-compatible provider, and the oracle of the tests.

It answers by the model's name, gives every call token counts of its own, and keeps
each request and each count that it reported, so that a test can compare them with
what the gateway booked. `GET /control` answers all of that as JSON.
"""

import base64
import json
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODELS = ["mock-chat", "mock-text", "mock-embedding"]
ANSWER = "canary-answer-5d1f0c: all of it is made up"

# What a model of this name refuses with: status, error type, error code, more headers.
FAILURES = {
    "mock-fail-400": (400, "invalid_request_error", "mock_refused", {}),
    "mock-fail-401": (401, "invalid_request_error", "invalid_api_key", {}),
    "mock-fail-429": (429, "requests", "rate_limit_exceeded", {"Retry-After": "7"}),
    "mock-fail-500": (500, "server_error", None, {}),
}


class Book:
    """What the provider was asked and what it reported."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests: list[dict] = []
        self.reported: list[tuple[int, int]] = []

    def enter(self, request: dict) -> int:
        """Keeps a request and answers its serial number."""
        with self._lock:
            self.requests.append(request)
            return len(self.requests)

    def report(self, usage: dict) -> None:
        """Keeps the counts of a call, before the client can see them."""
        with self._lock:
            self.reported.append((usage["prompt_tokens"], usage.get("completion_tokens", 0)))

    def as_json(self) -> bytes:
        with self._lock:
            return json.dumps({"requests": self.requests, "reported": self.reported}).encode()


class Provider(ThreadingHTTPServer):
    """The server; `credential` is the only key it takes."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, credential: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.credential = credential
        self.book = Book()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> "Provider":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        """Clients that leave early are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: Provider
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/control":
            return self._send(200, self.server.book.as_json())
        if self.path == "/v1/models":
            listed = [{"id": m, "object": "model", "created": 1, "owned_by": "mock"} for m in MODELS]
            return self._json(200, {"object": "list", "data": listed})
        return self._refuse(404, "invalid_request_error", "not_found", {})

    def do_POST(self) -> None:
        body = json.loads(self._body())
        model = body.get("model", "")
        serial = self.server.book.enter(
            {"path": self.path, "model": model, "headers": dict(self.headers), "body": body}
        )
        if self.headers.get("Authorization") != f"Bearer {self.server.credential}":
            return self._refuse(401, "invalid_request_error", "invalid_api_key", {})
        if model in FAILURES:
            return self._refuse(*FAILURES[model])
        if model == "hang":
            self.close_connection = True
            self.server.closing.wait(30)
            return None
        answers = {
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._completion,
            "/v1/embeddings": self._embedding,
        }
        return answers[self.path](body, Tokens(model, serial))

    def _chat(self, body: dict, tokens: "Tokens") -> None:
        message, finish = reply(body)
        if body.get("stream"):
            self._stream(body, tokens, chat_chunks(message, finish), "chat.completion.chunk")
        else:
            choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
            self._whole(body, tokens.chat(), choice, "chat.completion")

    def _completion(self, body: dict, tokens: "Tokens") -> None:
        choice = {"index": 0, "text": ANSWER, "finish_reason": "stop", "logprobs": None}
        if body.get("stream"):
            chunks = [dict(choice, text=piece, finish_reason=None) for piece in pieces(ANSWER)]
            chunks.append(dict(choice, text=""))
            self._stream(body, tokens, chunks, "text_completion")
        else:
            self._whole(body, tokens.chat(), choice, "text_completion")

    def _embedding(self, body: dict, tokens: "Tokens") -> None:
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        vector = [0.25, -0.5, 1.0]
        coded = vector
        if body.get("encoding_format") == "base64":
            coded = base64.b64encode(struct.pack("<3f", *vector)).decode()
        data = [{"object": "embedding", "index": i, "embedding": coded} for i in range(len(texts))]
        usage = tokens.embedding()
        self.server.book.report(usage)
        self._json(200, {"object": "list", "data": data, "model": body["model"], "usage": usage})

    def _whole(self, body: dict, usage: dict, choice: dict, kind: str) -> None:
        self.server.book.report(usage)
        self._json(200, dict(frame(body, kind), choices=[choice], usage=usage))

    def _stream(self, body: dict, tokens: "Tokens", choices: list[dict], kind: str) -> None:
        asked = (body.get("stream_options") or {}).get("include_usage", False)
        more = {"usage": None} if asked else {}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        cut = body["model"] == "mock-cut-stream"
        for choice in choices[:3] if cut else choices:
            self._event(json.dumps(dict(frame(body, kind), choices=[choice], **more)))
        if cut:
            self.close_connection = True
            return
        usage = tokens.chat()
        if asked:
            self.server.book.report(usage)
            self._event(json.dumps(dict(frame(body, kind), choices=[], usage=usage)))
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.wfile.flush()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _refuse(self, status: int, kind: str, code: str | None, headers: dict) -> None:
        error = {"message": "The mock was told to fail.", "type": kind, "param": None, "code": code}
        self._json(status, {"error": error}, headers)

    def _json(self, status: int, value: object, headers: dict | None = None) -> None:
        self._send(status, json.dumps(value).encode(), headers)

    def _send(self, status: int, body: bytes, headers: dict | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Tokens:
    """The counts of one call: made from its serial number, so that calls differ."""

    def __init__(self, model: str, serial: int) -> None:
        self.prompt = 900 if model == "mock-big" else 20 + serial % 97
        self.completion = 5 + serial % 13

    def chat(self) -> dict:
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }

    def embedding(self) -> dict:
        return {"prompt_tokens": self.prompt, "total_tokens": self.prompt}


def frame(body: dict, kind: str) -> dict:
    return {"id": "mock-1", "object": kind, "created": int(time.time()), "model": body["model"]}


def reply(body: dict) -> tuple[dict, str]:
    """The message that fits the request, and its finish reason."""
    message = {"role": "assistant", "content": ANSWER, "refusal": None}
    if body.get("tools") and body["messages"][-1]["role"] != "tool":
        name = body["tools"][0]["function"]["name"]
        call = {"name": name, "arguments": json.dumps({"city": "Utrecht"})}
        calls = [{"id": "call_1", "type": "function", "function": call}]
        return dict(message, content=None, tool_calls=calls), "tool_calls"
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return dict(message, content=json.dumps(instance(form["json_schema"]["schema"]))), "stop"
    if images := count_images(body["messages"]):
        return dict(message, content=f"{images} image(s) seen"), "stop"
    return message, "stop"


def count_images(messages: list[dict]) -> int:
    parts = [p for m in messages if isinstance(m.get("content"), list) for p in m["content"]]
    return sum(1 for part in parts if part.get("type") == "image_url")


def instance(schema: dict) -> object:
    """A value that a simple JSON schema allows."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: instance(sub) for name, sub in schema.get("properties", {}).items()}
        case "array":
            return [instance(schema["items"])]
        case "integer" | "number":
            return 42
        case "boolean":
            return True
        case _:
            return "Utrecht"


def chat_chunks(message: dict, finish: str) -> list[dict]:
    """The choices of a stream that carries this message."""
    deltas: list[dict] = [{"role": "assistant", "content": ""}]
    if calls := message.get("tool_calls"):
        deltas += [{"tool_calls": [dict(call, index=i)]} for i, call in enumerate(calls)]
    else:
        deltas += [{"content": piece} for piece in pieces(message["content"])]
    chunks = [{"index": 0, "delta": d, "finish_reason": None, "logprobs": None} for d in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": finish, "logprobs": None})
    return chunks


def pieces(text: str) -> list[str]:
    return [word + " " for word in text.split()]
