//! Where a call stands in its trace (W3C Trace Context). All ids come from the call's own, which is as
//! unique as they have to be: a trace that begins here has the id that the client was told.

use http::{HeaderMap, HeaderName};

use crate::domain::tenant::CallId;

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The highest bit is set in the last half of every UUID (RFC 9562 §4.1), and so in no other span's id.
const OF_PROVIDERS: u64 = 1 << 63;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) trace: u128,
    /// The caller's span.
    pub(super) parent: Option<u64>,
    /// The call's span.
    pub(super) span: u64,
}

/// What a caller says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parent {
    trace: u128,
    span: u64,
    is_sampled: bool,
}

impl Context {
    /// A caller that is traced or not decides for its calls; of the others `ratio` are traced.
    pub(super) fn begin(call: CallId, headers: &HeaderMap, ratio: f64) -> Option<Self> {
        let (_, span) = call.0.as_u64_pair();
        if let Some(parent) = Parent::of(headers) {
            return parent.is_sampled.then_some(Self {
                trace: parent.trace,
                parent: Some(parent.span),
                span,
            });
        }
        is_drawn(span, ratio).then_some(Self {
            trace: call.0.as_u128(),
            parent: None,
            span,
        })
    }

    /// The span of what the provider does.
    pub(super) fn of_provider(&self) -> u64 {
        self.span ^ OF_PROVIDERS
    }

    /// What the provider is told: it is traced, under our span.
    pub(super) fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-01", self.trace, self.of_provider())
    }
}

/// The last 32 bits of a call's id are random.
fn is_drawn(id: u64, ratio: f64) -> bool {
    let draw = u32::try_from(id & u64::from(u32::MAX)).unwrap_or_default();
    f64::from(draw) < ratio * (f64::from(u32::MAX) + 1.0)
}

impl Parent {
    /// Two of them say nothing.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let (value, None) = (values.next()?, values.next()) else {
            return None;
        };
        Self::parse(value.to_str().ok()?.trim())
    }

    /// Versions to come may have more fields.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let mut next = |digits| hex(fields.next()?, digits);
        let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let is_readable = version != 0xff && (version > 0 || fields.next().is_none());
        let span = u64::try_from(span).ok()?;
        (is_readable && trace != 0 && span != 0).then_some(Self {
            trace,
            span,
            is_sampled: flags & 1 == 1,
        })
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != digits || !text.bytes().all(is_hex) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn parent(text: &str) -> Option<bool> {
        let read = Parent::parse(text)?;
        assert_eq!(format!("{:032x}", read.trace), TRACE);
        assert_eq!(read.span, 0xb7ad_6b71_6920_3331);
        Some(read.is_sampled)
    }

    #[test]
    fn a_parent_is_read_as_the_standard_says() {
        let with = |version: &str, rest: &str| format!("{version}-{TRACE}-b7ad6b7169203331-{rest}");
        assert_eq!(parent(&with("00", "01")), Some(true));
        assert_eq!(parent(&with("00", "00")), Some(false));
        assert_eq!(parent(&with("00", "03")), Some(true));
        assert_eq!(
            parent(&with("cc", "01-more")),
            Some(true),
            "a later version"
        );
        for bad in [
            with("00", "01-more"),
            with("ff", "01"),
            with("00", "1"),
            with("0", "01"),
            with("00", "01").to_uppercase(),
            with("00", "01").replace("b7ad6b7169203331", "0000000000000000"),
            with("00", "01").replace(TRACE, &"0".repeat(32)),
            with("00", "01").replace("0af7", "+af7"),
            String::new(),
            "00".to_owned(),
        ] {
            assert_eq!(parent(&bad), None, "{bad}");
        }
    }

    #[test]
    fn two_parents_are_none() {
        let mut headers = HeaderMap::new();
        let value = format!("00-{TRACE}-b7ad6b7169203331-01");
        for _ in 0..2 {
            headers.append(TRACEPARENT, HeaderValue::try_from(&value).unwrap());
        }
        assert_eq!(Parent::of(&headers), None);
        let call = CallId::new();
        let context = Context::begin(call, &headers, 1.0).unwrap();
        assert_eq!((context.trace, context.parent), (call.0.as_u128(), None));
    }

    #[test]
    fn a_caller_decides_for_its_calls_and_a_ratio_for_the_rest() {
        let mut headers = HeaderMap::new();
        let traced = |headers: &HeaderMap, ratio| {
            let calls = std::iter::repeat_with(CallId::new).take(2000);
            calls
                .filter(|call| Context::begin(*call, headers, ratio).is_some())
                .count()
        };
        assert_eq!(traced(&headers, 0.0), 0);
        assert_eq!(traced(&headers, 1.0), 2000);
        // Far beyond chance: seven standard deviations.
        assert!((340..660).contains(&traced(&headers, 0.25)));
        for (flags, count) in [("01", 2000), ("00", 0)] {
            let value = format!("00-{TRACE}-b7ad6b7169203331-{flags}");
            headers.insert(TRACEPARENT, HeaderValue::try_from(value).unwrap());
            assert_eq!(traced(&headers, 0.5), count);
        }
    }

    #[test]
    fn a_calls_two_spans_differ_from_each_other_and_from_those_of_others() {
        let begin = || Context::begin(CallId::new(), &HeaderMap::new(), 1.0).unwrap();
        let contexts = std::iter::repeat_with(begin).take(1000);
        let ids = contexts.flat_map(|context| [context.span, context.of_provider()]);
        assert_eq!(ids.collect::<std::collections::HashSet<_>>().len(), 2000);
    }
}
