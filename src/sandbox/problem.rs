//! Refusals in OpenAI's error envelope.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::reply::json_response;

/// One refusal, all four keys of the envelope filled.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    code: Option<&'static str>,
    param: Option<&'static str>,
    message: String,
}

impl Problem {
    /// 400: the body is not JSON.
    pub fn bad_json() -> Self {
        Self::bad_request(
            "We could not parse the JSON body of your request. The API expects a JSON payload.",
        )
    }

    /// 400: the body is JSON, but does not fit the endpoint.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: None,
            param: None,
            message: message.into(),
        }
    }

    /// 400: one field is missing or out of range.
    pub fn bad_field(param: &'static str, message: impl Into<String>) -> Self {
        Self {
            param: Some(param),
            ..Self::bad_request(message)
        }
    }

    /// 404: no such model here.
    pub fn model_not_found(model: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: Some("model_not_found"),
            param: Some("model"),
            message: format!("The model `{model}` does not exist or you do not have access to it."),
        }
    }

    /// 404: no such path.
    pub fn unknown_url() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: Some("unknown_url"),
            ..Self::bad_request("Unknown request URL. The simulated provider does not serve it.")
        }
    }

    /// 405: the path exists, the method does not.
    pub fn wrong_method() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            ..Self::bad_request("This method is not allowed for this URL.")
        }
    }

    /// 413: the body is larger than is read here.
    pub fn too_large() -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            code: Some("request_too_large"),
            ..Self::bad_request("The request body is too large for the simulated provider.")
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let body = json!({"error": {
            "message": self.message,
            "type": "invalid_request_error",
            "param": self.param,
            "code": self.code,
        }});
        let mut response = json_response(&body);
        *response.status_mut() = self.status;
        response
    }
}
