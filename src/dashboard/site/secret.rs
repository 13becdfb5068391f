//! The page that shows a secret once, with lines that use it.

use super::answer::{Answer, show};
use crate::dashboard::components::{CopyField, Snippet, Time};
use crate::dashboard::frame::Frame;
use crate::dashboard::pages::SecretPage;
use crate::domain::model_access::ModelAccess;
use crate::domain::time::Timestamp;
use crate::management::keys::KeyView;
use crate::management::{Access, Management, Problem};

/// A model for lines that are to be tried, where none is listed.
const SOME_MODEL: &str = "gpt-4o-mini";

/// A key's new secret.
pub(super) async fn of_key(
    management: &Management,
    access: &Access,
    frame: Frame,
    key: &KeyView,
    secret: &str,
    previous_until: Option<Timestamp>,
    next: String,
) -> Answer {
    // Whatever happens now, the secret is shown.
    let model = model(management, access, key).await.ok().flatten();
    let model = model.unwrap_or_else(|| SOME_MODEL.to_owned());
    show(&SecretPage {
        frame,
        kind: "key",
        name: key.name.clone(),
        secret: copy(secret),
        snippets: snippets(&management.public_url, secret, &model),
        previous_until: previous_until.map(Time::exact),
        next,
    })
}

/// A management token's.
pub(super) fn of_token(
    management: &Management,
    frame: Frame,
    name: &str,
    secret: &str,
    next: String,
) -> Answer {
    let url = &management.public_url;
    let code = format!("curl {url}/api/v1/me \\\n  -H \"Authorization: Bearer {secret}\"");
    show(&SecretPage {
        frame,
        kind: "token",
        name: name.to_owned(),
        secret: copy(secret),
        snippets: vec![snippet("curl", "curl", code)],
        previous_until: None,
        next,
    })
}

fn copy(secret: &str) -> CopyField {
    CopyField {
        id: "secret",
        label: "Secret",
        value: secret.to_owned(),
    }
}

/// One that the key may call, which its project and its organisation allow, too.
async fn model(
    management: &Management,
    access: &Access,
    key: &KeyView,
) -> Result<Option<String>, Problem> {
    let project = management.project(access, key.project_id.0).await?;
    let organisation = management.own_organisation(access).await?;
    let lists = [&key.models, &project.models, &organisation.models];
    let lists = lists.map(|list| ModelAccess::compile(list.as_deref()).unwrap_or_default());
    let names = management.catalog.names().into_iter();
    let mut names = names.map(|(name, _)| name);
    Ok(names.find(|name| lists.iter().all(|list| list.allows(name))))
}

/// A line to try, for who has no key yet.
pub(super) fn first_line(management: &Management) -> Snippet {
    let names = management.catalog.names();
    let model = names.first().map_or(SOME_MODEL, |(name, _)| name.as_str());
    let mut all = snippets(&management.public_url, "$TOLLGATE_KEY", model);
    all.swap_remove(0)
}

fn snippets(url: &str, secret: &str, model: &str) -> Vec<Snippet> {
    let name = serde_json::Value::from(model);
    let body =
        format!(r#"{{"model": {name}, "messages": [{{"role": "user", "content": "Hello"}}]}}"#);
    let escaped = body.replace('"', "\\\"");
    vec![
        snippet(
            "curl",
            "curl",
            format!(
                "curl {url}/v1/chat/completions \\\n  -H \"Authorization: Bearer {secret}\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{}'",
                body.replace('\'', "'\\''"),
            ),
        ),
        snippet(
            "python",
            "Python",
            format!(
                "from openai import OpenAI\n\nclient = OpenAI(\n    base_url=\"{url}/v1\",\n    api_key=\"{secret}\",\n)\nanswer = client.chat.completions.create(\n    model={name},\n    messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}],\n)\nprint(answer.choices[0].message.content)",
            ),
        ),
        snippet(
            "node",
            "Node",
            format!(
                "import OpenAI from \"openai\";\n\nconst client = new OpenAI({{\n  baseURL: \"{url}/v1\",\n  apiKey: \"{secret}\",\n}});\nconst answer = await client.chat.completions.create({{\n  model: {name},\n  messages: [{{ role: \"user\", content: \"Hello\" }}],\n}});\nconsole.log(answer.choices[0].message.content);",
            ),
        ),
        snippet(
            "powershell",
            "PowerShell",
            format!(
                "Invoke-RestMethod -Method Post -Uri \"{url}/v1/chat/completions\" `\n  -Headers @{{ Authorization = \"Bearer {secret}\" }} `\n  -ContentType \"application/json\" `\n  -Body '{}'",
                body.replace('\'', "''"),
            ),
        ),
        snippet(
            "cmd",
            "cmd",
            format!(
                "curl {url}/v1/chat/completions -H \"Authorization: Bearer {secret}\" -H \"Content-Type: application/json\" -d \"{escaped}\"",
            ),
        ),
    ]
}

fn snippet(id: &'static str, language: &'static str, code: String) -> Snippet {
    Snippet { id, language, code }
}

/// An invitation's link, which is a secret too.
pub(super) fn of_invitation(frame: Frame, name: &str, link: &str, next: String) -> Answer {
    show(&SecretPage {
        frame,
        kind: "link",
        name: name.to_owned(),
        secret: CopyField {
            id: "secret",
            label: "The owner's invitation",
            value: link.to_owned(),
        },
        snippets: Vec::new(),
        previous_until: None,
        next,
    })
}
