"""A client of Gemini's generateContent: Gemini CLI, Google's SDKs, and clients that know no signatures."""

import json

from roundtrip.client import PNG, TOOLS, Called, Client, Result
from roundtrip.wire import Json, events, inside, objects, text_of


class GeminiClient(Client):
    """``cli``: parts go back but for thoughts, texts joined (Gemini CLI). ``sdk``: every chunk is a content
    of its own, signatures in the URL-safe alphabet, results without ids (Google's Python SDK). ``unsigned``:
    no signature and no thought goes back."""

    protocol = "gemini"

    def say(self, text: str, *, image: bool = False) -> None:
        parts: list[Json] = [{"text": text}]
        if image:
            parts.append({"inlineData": {"mimeType": "image/png", "data": PNG}})
        self._user(parts)

    def instruct(self, text: str) -> None:
        self._user([{"text": f"<context>{text}</context>"}])

    def _user(self, parts: list[Json]) -> None:
        last = self.history[-1] if self.history else {}
        if last.get("role") == "user":
            last["parts"] = [*objects(last["parts"]), *parts]
        else:
            self.history.append({"role": "user", "parts": parts})

    def results(self, calls: list[Called], results: list[Result]) -> None:
        parts: list[Json] = []
        for call, result in zip(calls, results, strict=True):
            response = {"error" if result.failed else "output": result.text}
            back: Json = {"name": call.name, "response": response}
            if call.id and self.habit != "sdk":
                back["id"] = call.id
            parts.append({"functionResponse": back})
            if result.image:  # as Gemini CLI does: beside the response
                parts.append({"inlineData": {"mimeType": "image/png", "data": PNG}})
        self._user(parts)

    def body(self) -> Json:
        declared = [
            {"name": name, "description": said, "parametersJsonSchema": schema}
            for name, said, schema in TOOLS
        ]
        thinking = {"includeThoughts": True}
        return {
            "contents": self.history,
            "systemInstruction": {"role": "user", "parts": [{"text": self.system}]},
            "tools": [{"functionDeclarations": declared}],
            "generationConfig": {"topP": 0.95, "temperature": 1, "thinkingConfig": thinking},
        }

    def hear(self, body: bytes) -> list[Called]:
        chunks = list(events(body)) if self.stream else [inside(json.loads(body))]
        candidates = [objects(chunk["candidates"])[0] for chunk in chunks]
        assert candidates[-1]["finishReason"] == "STOP", body[-300:]
        found = [objects(inside(one.get("content")).get("parts")) for one in candidates]
        parts = [part for piece in found for part in piece]
        said = [part for part in parts if "text" in part and not part.get("thought")]
        self.texts.append("".join(text_of(part, "text") for part in said))
        if self.habit == "sdk":
            self.history += [
                {"role": "model", "parts": [_safe(part) for part in piece]} for piece in found if piece
            ]
        else:
            self.history.append({"role": "model", "parts": self._kept(parts)})
        calls = [inside(part["functionCall"]) for part in parts if "functionCall" in part]
        return [Called(text_of(call, "id"), str(call["name"]), inside(call.get("args"))) for call in calls]

    def _kept(self, parts: list[Json]) -> list[Json]:
        kept: list[Json] = []
        for part in parts:
            if part.get("thought") or (self.habit == "unsigned" and part.get("text") == ""):
                continue
            if self.habit == "unsigned":
                part = {name: value for name, value in part.items() if name != "thoughtSignature"}
            joins = kept and set(part) == {"text"} and set(kept[-1]) == {"text"}
            if joins:
                kept[-1] = {"text": text_of(kept[-1], "text") + text_of(part, "text")}
            else:
                kept.append(part)
        return kept


def _safe(part: Json) -> Json:
    proof = part.get("thoughtSignature")
    if isinstance(proof, str):
        part = {**part, "thoughtSignature": proof.replace("+", "-").replace("/", "_")}
    return part
