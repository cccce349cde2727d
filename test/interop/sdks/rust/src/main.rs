//! rmcp as a client that the interop driver commands: a command a line comes in, and a line of JSON answers each.
//!
//! MCP_URL and MCP_BEARER say where and as whom; with MCP_LIFECYCLE `auto` it asks for the newest revision first, as a client
//! without the variable does not: by itself the library begins with the handshake.
#![allow(deprecated)]

use std::env;
use std::error::Error;

use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ContentBlock, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequestParams, ElicitResult, ElicitationAction, ErrorData, Implementation, ListRootsResult, ProtocolVersion, Root,
    SamplingMessage,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RequestContext, RoleClient, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::ClientHandler;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

type Failure = Box<dyn Error + Send + Sync>;

struct Human;

impl ClientHandler for Human {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder().enable_roots().enable_sampling().enable_elicitation().build();
        ClientConfig::new(capabilities, Implementation::new("rmcp", "1"))
    }

    async fn create_elicitation(&self, _: ElicitRequestParams, _: RequestContext<RoleClient>) -> Result<ElicitResult, ErrorData> {
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({ "name": "Grace" })))
    }

    async fn create_message(&self, _: CreateMessageRequestParams, _: RequestContext<RoleClient>) -> Result<CreateMessageResult, ErrorData> {
        Ok(CreateMessageResult::new(SamplingMessage::assistant_text("sampled by a client"), "test".into()))
    }

    async fn list_roots(&self, _: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(vec![Root::new("file:///tmp/root").with_name("root")]))
    }
}

/// With the data of an error of the relay, which the library's own text may leave out.
fn spelled(error: ServiceError) -> Failure {
    match &error {
        ServiceError::McpError(wire) => format!("{error} {}", json!(wire)).into(),
        _ => error.into(),
    }
}

#[derive(Default)]
struct Client {
    service: Option<RunningService<RoleClient, Human>>,
}

impl Client {
    fn service(&self) -> Result<&RunningService<RoleClient, Human>, Failure> {
        self.service.as_ref().ok_or_else(|| "not connected".into())
    }

    async fn connect(&mut self) -> Result<Value, Failure> {
        let mut config = StreamableHttpClientTransportConfig::with_uri(env::var("MCP_URL")?);
        if let Ok(token) = env::var("MCP_BEARER") {
            config = config.auth_header(token);
        }
        let lifecycle = match env::var("MCP_LIFECYCLE").as_deref() {
            Ok("auto") => ClientLifecycleMode::Auto { preferred_versions: vec![ProtocolVersion::LATEST], legacy_version: None },
            _ => ClientLifecycleMode::Initialize,
        };
        let service = Human.serve_with_lifecycle(StreamableHttpClientTransport::from_config(config), lifecycle).await?;
        let revision = service.peer_info().map(|info| json!(*info)["protocolVersion"].clone());
        self.service = Some(service);
        Ok(revision.unwrap_or_default())
    }

    async fn list(&self) -> Result<Value, Failure> {
        let tools = self.service()?.list_tools(None).await.map_err(spelled)?.tools;
        Ok(tools.iter().map(|tool| tool.name.to_string()).collect())
    }

    async fn call(&self, name: &str, arguments: &Value) -> Result<Value, Failure> {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let params = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
        let result = self.service()?.call_tool(params).await.map_err(spelled)?;
        match result.content.first() {
            Some(ContentBlock::Text(text)) if result.is_error != Some(true) => Ok(json!(text.text)),
            other => Err(format!("{name} answered {other:?}").into()),
        }
    }

    /// Calls the tools of the echo fixture that ask their client, and joins what they were told.
    async fn ask(&self) -> Result<Value, Failure> {
        let elicited = self.call("elicit", &json!({ "message": "who" })).await?;
        let sampled = self.call("sample", &json!({ "prompt": "hi" })).await?;
        let roots = self.call("roots", &json!({})).await?;
        Ok(json!(format!("{elicited}{sampled}{roots}")))
    }

    async fn close(&mut self) -> Result<Value, Failure> {
        if let Some(mut service) = self.service.take() {
            service.close().await?;
        }
        Ok(Value::Null)
    }

    async fn run(&mut self, line: &str) -> Result<Value, Failure> {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "connect" => self.connect().await,
            "list" => self.list().await,
            "call" => {
                let asked: Value = serde_json::from_str(rest)?;
                self.call(asked["name"].as_str().unwrap_or_default(), &asked["arguments"]).await
            }
            "ask" => self.ask().await,
            _ => self.close().await,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut client = Client::default();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match client.run(&line).await {
            Ok(value) => println!("{}", json!({ "ok": true, "value": value })),
            Err(error) => println!("{}", json!({ "ok": false, "error": error.to_string() })),
        }
        if line == "close" {
            break;
        }
    }
    Ok(())
}
