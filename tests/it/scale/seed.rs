//! A month of a large tenant, made in the database as the real flush would have left it. Few keys make
//! most calls: half of all calls come from an eighth of the keys.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::app::TestApp;

/// How much there is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub keys: i64,
    pub calls: i64,
}

/// What is looked for later.
pub struct Seeded {
    /// The busiest key.
    pub key: uuid::Uuid,
    /// A part of one key's name and of no other's.
    pub rare: String,
}

/// The tables, from what is drawn at random to what follows from it. `{org}`, `{keys}` and `{calls}`
/// are filled in. A key in four has a quota of a month, so that its calls name a budget.
const STEPS: &[(&str, &str)] = &[
    ("chance", "SELECT setseed(0.4217)"),
    (
        "projects",
        "INSERT INTO projects (id, organisation_id, name, limits, created_at, updated_at)
        SELECT gen_random_uuid(), '{org}', 'Project ' || n, '{}', now(), now()
        FROM generate_series(1, 20) n",
    ),
    (
        "names of keys",
        "CREATE TEMP TABLE k AS
        SELECT n, gen_random_uuid() AS id, md5('key' || n) AS digest,
            (ARRAY['billing', 'search', 'chat', 'batch', 'agent', 'crawler', 'support'])[1 + n % 7]
                || ' service ' || lpad(n::text, 6, '0')
                || (ARRAY[' production', ' staging', ' test'])[1 + n % 3] AS name,
            now() - interval '90 days' + n * interval '1 minute' * 120000 / {keys} AS created_at,
            (SELECT array_agg(id ORDER BY id) FROM projects WHERE organisation_id = '{org}')
                [1 + n % 20] AS project_id
        FROM generate_series(0, {keys} - 1) n",
    ),
    (
        "keys",
        "INSERT INTO keys (id, organisation_id, project_id, name, status, limits, created_at,
            updated_at, search)
        SELECT id, '{org}', project_id, name, CASE WHEN n % 50 = 0 THEN 'disabled' ELSE 'active' END,
            CASE WHEN n % 4 = 0 THEN '{\"quota\":{\"unit\":\"tokens\",\"amount\":1000000000000,\"period\":\"month\"}}'
                ELSE '{}' END::jsonb,
            created_at, created_at,
            name || ' sk-' || left(digest, 4) || '…' || right(digest, 4)
        FROM k ORDER BY n",
    ),
    (
        "secrets",
        "INSERT INTO key_secrets (hash, key_id, display, created_at)
        SELECT sha256(id::text::bytea), id, 'sk-' || left(digest, 4) || '…' || right(digest, 4),
            created_at
        FROM k ORDER BY n",
    ),
    (
        "calls",
        "CREATE UNLOGGED TABLE seeded_calls AS
        SELECT at, date_trunc('day', at, 'UTC') AS day, key_n, (key_n + odd) % 4 AS model,
            CASE WHEN chance < 0.02 THEN 500 ELSE 200 END AS status,
            CASE WHEN chance < 0.02 THEN 0 ELSE input END AS input,
            CASE WHEN chance < 0.02 THEN 0 ELSE output END AS output
        FROM (
            SELECT now() - random() * interval '30 days' AS at,
                floor({keys} * power(random(), 3))::int AS key_n,
                (random() < 0.1)::int AS odd, random() AS chance,
                50 + floor(random() * 2000)::bigint AS input,
                20 + floor(random() * 500)::bigint AS output
            FROM generate_series(1, {calls})
        ) AS drawn",
    ),
    (
        "budgets",
        "INSERT INTO budgets (id, scope_kind, scope_id, unit, period, period_start, amount, used,
            created_at)
        SELECT gen_random_uuid(), 'key', k.id, 'tokens', 'month', date_trunc('month', c.at, 'UTC'),
            1000000000000, SUM(c.input + c.output), MIN(c.at)
        FROM seeded_calls c JOIN k ON k.n = c.key_n WHERE k.n % 4 = 0
        GROUP BY k.id, date_trunc('month', c.at, 'UTC')",
    ),
    (
        "kinds of calls",
        "CREATE UNLOGGED TABLE seeded_kinds AS
        SELECT row_number() OVER (ORDER BY day, key_n) AS id, day, key_n, model, status
        FROM (SELECT DISTINCT day, key_n, model, status FROM seeded_calls) AS d",
    ),
    (
        "kinds",
        "INSERT INTO kinds (id, digest, day, organisation_id, project_id, key_id, secret_hash, provider,
            model, upstream_model, endpoint, status, code, source, requests, is_stream,
            is_suspicious, is_disconnected, budgets)
        SELECT s.id, decode(md5('kind' || s.id), 'hex'), s.day, '{org}', k.project_id, k.id, NULL,
            'mock', 'model-' || s.model, 'model-' || s.model, 'chat/completions', s.status,
            CASE WHEN s.status = 500 THEN 'upstream_error' END,
            CASE WHEN s.status = 500 THEN 'none' ELSE 'reported' END, 1, FALSE, FALSE, FALSE,
            COALESCE(uuid_send(b.id), '')
        FROM seeded_kinds s JOIN k ON k.n = s.key_n
        LEFT JOIN budgets b ON b.scope_id = k.id AND b.unit = 'tokens' AND b.period = 'month'
            AND b.period_start = date_trunc('month', s.day, 'UTC')",
    ),
    (
        "numbers of kinds",
        "SELECT setval(pg_get_serial_sequence('kinds', 'id'), (SELECT MAX(id) FROM kinds))",
    ),
    (
        "events",
        "INSERT INTO events (organisation_id, at, id, kind_id, input_tokens, output_tokens,
            total_tokens, cached_tokens, reasoning_tokens, cost_nano, held_tokens, duration_ms,
            first_token_ms)
        SELECT '{org}', c.at, gen_random_uuid(), s.id, c.input, c.output, c.input + c.output, 0, 0,
            c.input * 150 + c.output * 600, c.input + 2000, 800, 90
        FROM seeded_calls c JOIN seeded_kinds s USING (day, key_n, model, status) ORDER BY c.at",
    ),
    (
        "sums of keys",
        "INSERT INTO rollups_hourly (organisation_id, hour, project_id, key_id, model, requests, errors,
            input_tokens, output_tokens, total_tokens, estimated_tokens, interrupted_tokens, cost_nano)
        SELECT '{org}', c.hour, k.project_id, k.id, 'model-' || c.model, c.requests, c.errors, c.input,
            c.output, c.input + c.output, 0, 0, c.input * 150 + c.output * 600
        FROM (
            SELECT date_trunc('hour', at, 'UTC') AS hour, key_n, model, COUNT(*) AS requests,
                COUNT(*) FILTER (WHERE status = 500) AS errors, SUM(input)::bigint AS input,
                SUM(output)::bigint AS output
            FROM seeded_calls GROUP BY 1, 2, 3
        ) AS c JOIN k ON k.n = c.key_n ORDER BY c.hour",
    ),
    (
        "sums of projects",
        "INSERT INTO rollups_of_projects
        SELECT organisation_id, hour, project_id, model, SUM(requests), SUM(errors),
            SUM(input_tokens), SUM(output_tokens), SUM(total_tokens), 0, 0, SUM(cost_nano)
        FROM rollups_hourly GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
    ),
    (
        "uses",
        "INSERT INTO key_uses (key_id, organisation_id, last_used_at, tokens_30d, due_at)
        SELECT k.id, '{org}', COALESCE(c.last, '1970-01-01T00:00:00Z'), COALESCE(c.tokens, 0),
            CASE WHEN c.last IS NULL THEN '9999-01-01T00:00:00Z' ELSE now() + interval '1 day' END
        FROM k LEFT JOIN (
            SELECT key_n, date_trunc('minute', MAX(at)) AS last, SUM(input + output) AS tokens
            FROM seeded_calls GROUP BY key_n
        ) AS c ON c.key_n = k.n",
    ),
    ("ends", "DROP TABLE seeded_calls, seeded_kinds"),
    // What the server does by itself after a while.
    (
        "statistics",
        "VACUUM ANALYZE keys, key_secrets, key_uses, budgets, kinds, events, rollups_hourly,
            rollups_of_projects",
    ),
];

/// Fills the test's organisation.
#[expect(clippy::print_stdout, reason = "a long run is read by people")]
pub async fn fill(app: &TestApp, size: Size) -> Seeded {
    let mut connection = PgConnection::connect(&app.database.url).await.unwrap();
    for setting in ["SET work_mem = '256MB'", "SET synchronous_commit = off"] {
        sqlx::raw_sql(setting)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    for (name, step) in STEPS {
        let began = std::time::Instant::now();
        let step = step.replace("{org}", &app.organisation.id.to_string());
        let step = step.replace("{keys}", &size.keys.to_string());
        let step = step.replace("{calls}", &size.calls.to_string());
        let done = sqlx::raw_sql(AssertSqlSafe(step))
            .execute(&mut connection)
            .await;
        let rows = done
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .rows_affected();
        println!(
            "seeded {name}: {rows} rows in {:.1} s",
            began.elapsed().as_secs_f64()
        );
    }
    let key = sqlx::query_scalar("SELECT id FROM k WHERE n = 0");
    let key = key.fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    Seeded {
        key,
        rare: format!("{:06}", size.keys / 2),
    }
}
