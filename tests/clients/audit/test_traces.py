"""After the gateway stopped: what it sent to the collector, read by the published schema."""

import pytest
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@pytest.fixture(scope="module")
def requests(stage) -> list[ExportTraceServiceRequest]:
    return [ExportTraceServiceRequest.FromString(file.read_bytes())
            for file in sorted(stage.traces.iterdir())]


@pytest.fixture(scope="module")
def spans(requests) -> list[Span]:
    return [span for request in requests for resource in request.resource_spans
            for scope in resource.scope_spans for span in scope.spans]


@pytest.fixture(scope="module")
def asked(spans) -> list[Span]:
    return [span for span in spans if span.kind == Span.SPAN_KIND_CLIENT]


def attributes(span: Span) -> dict:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def unknown(message: Message) -> int:
    """Fields that the schema does not have, however deep."""
    count = len(UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type:
            count += sum(map(unknown, value if field.is_repeated else [value]))
    return count


def test_the_schema_knows_every_field(requests):
    assert requests
    assert sum(map(unknown, requests)) == 0


def test_they_name_the_program(requests):
    for request in requests:
        for resource in request.resource_spans:
            assert attributes(resource.resource)["service.name"] == "tollgate"


def test_every_booked_call_has_its_span_and_one_below_it(stage, spans, asked):
    below = {span.parent_span_id: span for span in asked}
    calls = {attributes(span)["tollgate.call.id"]: span for span in spans if span.kind == Span.SPAN_KIND_SERVER}
    booked = {call["id"]: call for call in stage.run("calls", "--org", stage.organization)["data"]}
    sent = {call: below[span.span_id] for call, span in calls.items() if span.span_id in below}
    assert sent.keys() == booked.keys()
    for call, span in sent.items():
        assert span.trace_id == calls[call].trace_id and len(span.trace_id) == 16
        assert span.name.split()[0] in {"chat", "text_completion", "embeddings"}
        told = attributes(span)
        if "gen_ai.usage.input_tokens" in told:
            assert told["gen_ai.usage.input_tokens"] == booked[call]["input_tokens"]
            assert told["gen_ai.usage.output_tokens"] == booked[call]["output_tokens"]


def test_reported_tokens_are_among_them(stage, asked):
    told = [attributes(span) for span in asked]
    assert sum("gen_ai.usage.input_tokens" in one for one in told) > 10
    assert {one["gen_ai.provider.name"] for one in told} <= {"mock", "hanging"}
