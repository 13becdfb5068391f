//! The calls that the load sends: the bytes of the official Python client, unmodified.

use clap::ValueEnum;
use serde::Serialize;

/// What one call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A completion in one piece
    Json,
    /// A burst of 50 events; usage asked for
    Sse,
    /// The same without asking for usage, so the gateway must ask and hide it
    SsePlain,
}

impl Kind {
    /// The name as it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Sse => "sse",
            Self::SsePlain => "sse-plain",
        }
    }

    pub fn streams(self) -> bool {
        self != Self::Json
    }

    fn body(self) -> String {
        let stream = match self {
            Self::Json => "",
            Self::Sse => r#","stream":true,"stream_options":{"include_usage":true}"#,
            Self::SsePlain => r#","stream":true"#,
        };
        format!(
            r#"{{"messages":[{SYSTEM},{QUESTION}],"model":"gpt-4o-mini","max_tokens":256,"temperature":0.2{stream}}}"#
        )
    }

    /// Head and body of one call with `key`.
    pub fn request(self, host: &str, key: &str) -> Vec<u8> {
        let body = self.body();
        let length = body.len();
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\n\
             Host: {host}\r\n\
             Accept-Encoding: gzip, deflate\r\n\
             Connection: keep-alive\r\n\
             Accept: application/json\r\n\
             Content-Type: application/json\r\n\
             User-Agent: OpenAI/Python 1.109.1\r\n\
             X-Stainless-Lang: python\r\n\
             X-Stainless-Package-Version: 1.109.1\r\n\
             X-Stainless-OS: Linux\r\n\
             X-Stainless-Arch: x64\r\n\
             X-Stainless-Runtime: CPython\r\n\
             X-Stainless-Runtime-Version: 3.12.3\r\n\
             Authorization: Bearer {key}\r\n\
             X-Stainless-Async: false\r\n\
             x-stainless-retry-count: 0\r\n\
             x-stainless-read-timeout: 600\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

const SYSTEM: &str = r#"{"role":"system","content":"You are a support assistant of a bicycle shop. Answer in at most three sentences, politely, and name the part that is meant."}"#;
const QUESTION: &str = r#"{"role":"user","content":"My rear brake squeals when it is wet, and the lever goes further in than last month. What should I look at first?"}"#;
