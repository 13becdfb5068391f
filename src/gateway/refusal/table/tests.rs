use super::*;

#[test]
fn failures_that_are_not_the_callers_look_as_documented() {
    let rows = [
        (Refusal::Overloaded, 503, BUSY, "overloaded", SOON),
        (
            Refusal::AuthUnavailable,
            503,
            BUSY,
            "auth_unavailable",
            SOON,
        ),
        (
            Refusal::LedgerUnavailable,
            503,
            BUSY,
            "ledger_unavailable",
            SOON,
        ),
        (Refusal::ShuttingDown, 503, BUSY, "shutting_down", SOON),
        (
            Refusal::UpstreamError,
            502,
            SERVER,
            "upstream_error",
            Retry::Unspecified,
        ),
        (
            Refusal::UpstreamUnreachable,
            502,
            SERVER,
            "upstream_unreachable",
            Retry::Unspecified,
        ),
        (
            Refusal::UpstreamInvalidResponse,
            502,
            SERVER,
            "upstream_invalid_response",
            Retry::Unspecified,
        ),
        (
            Refusal::UpstreamUnavailable,
            503,
            SERVER,
            "upstream_unavailable",
            Retry::Never,
        ),
        (
            Refusal::UpstreamTimeout,
            504,
            SERVER,
            "upstream_timeout",
            Retry::Never,
        ),
        (
            Refusal::Internal,
            500,
            SERVER,
            "internal_error",
            Retry::Never,
        ),
    ];
    for (refusal, status, kind, code, retry) in rows {
        let row = refusal.row();
        assert_eq!(
            (row.status.as_u16(), row.kind, row.code),
            (status, kind, code)
        );
        assert_eq!((row.param, row.retry), (None, retry), "{code}");
        assert!(!row.message.is_empty(), "{code}");
    }
}
