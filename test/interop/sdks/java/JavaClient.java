import io.modelcontextprotocol.client.McpClient;
import io.modelcontextprotocol.client.McpSyncClient;
import io.modelcontextprotocol.client.transport.HttpClientSseClientTransport;
import io.modelcontextprotocol.client.transport.HttpClientStreamableHttpTransport;
import io.modelcontextprotocol.json.McpJsonDefaults;
import io.modelcontextprotocol.json.McpJsonMapper;
import io.modelcontextprotocol.spec.McpClientTransport;
import io.modelcontextprotocol.spec.McpError;
import io.modelcontextprotocol.spec.McpSchema;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * The Java SDK as a client that the interop driver commands: a command a line comes in, and a line of JSON answers each. MCP_URL
 * and MCP_BEARER say where and as whom, MCP_TRANSPORT is http or sse.
 */
public final class JavaClient {

  private static final McpJsonMapper JSON = McpJsonDefaults.getMapper();
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private McpSyncClient client;

  private static McpClientTransport transport() {
    URI url = URI.create(System.getenv("MCP_URL"));
    String base = url.getScheme() + "://" + url.getAuthority();
    HttpRequest.Builder request = HttpRequest.newBuilder();
    String token = System.getenv("MCP_BEARER");
    if (token != null) request.header("Authorization", "Bearer " + token);
    if ("sse".equals(System.getenv("MCP_TRANSPORT"))) {
      return HttpClientSseClientTransport.builder(base).sseEndpoint(url.getPath()).requestBuilder(request).build();
    }
    return HttpClientStreamableHttpTransport.builder(base).endpoint(url.getPath()).requestBuilder(request).build();
  }

  private Object connect() {
    client =
        McpClient.sync(transport())
            .requestTimeout(PATIENCE)
            .initializationTimeout(PATIENCE)
            .capabilities(McpSchema.ClientCapabilities.builder().roots(true).sampling().elicitation().build())
            .roots(McpSchema.Root.builder("file:///tmp/root").name("root").build())
            .elicitation(
                asked ->
                    McpSchema.ElicitResult.builder(McpSchema.ElicitResult.Action.ACCEPT).content(Map.of("name", "Grace")).build())
            .sampling(
                asked -> McpSchema.CreateMessageResult.builder(McpSchema.Role.ASSISTANT, "sampled by a client", "test").build())
            .build();
    return client.initialize().protocolVersion();
  }

  private Object list() {
    return client.listTools().tools().stream().map(McpSchema.Tool::name).toList();
  }

  private String call(String name, Map<String, Object> arguments) {
    McpSchema.CallToolResult result = client.callTool(McpSchema.CallToolRequest.builder(name).arguments(arguments).build());
    boolean failed = Boolean.TRUE.equals(result.isError());
    if (!failed && !result.content().isEmpty() && result.content().get(0) instanceof McpSchema.TextContent content) {
      return content.text();
    }
    throw new IllegalStateException(name + " answered " + result);
  }

  @SuppressWarnings("unchecked")
  private String call(String text) throws IOException {
    Map<String, Object> asked = JSON.readValue(text, Map.class);
    return call((String) asked.get("name"), (Map<String, Object>) asked.get("arguments"));
  }

  /** Calls the tools of the echo fixture that ask their client, and joins what they were told. */
  private Object ask() {
    return call("elicit", Map.of("message", "who")) + call("sample", Map.of("prompt", "hi")) + call("roots", Map.of());
  }

  private Object run(String line) throws IOException {
    String[] words = line.split(" ", 2);
    return switch (words[0]) {
      case "connect" -> connect();
      case "list" -> list();
      case "call" -> call(words[1]);
      case "ask" -> ask();
      default -> client.closeGracefully();
    };
  }

  /** With the data of an error of the relay, which the SDK leaves out of its text, and with what is behind a failure. */
  private static String spelled(Throwable error) {
    StringBuilder text = new StringBuilder();
    for (Throwable cause = error; cause != null; cause = cause.getCause()) {
      text.append(cause).append(' ');
      if (cause instanceof McpError wire && wire.getJsonRpcError() != null) text.append(wire.getJsonRpcError().data()).append(' ');
    }
    return text.toString();
  }

  public static void main(String[] args) throws IOException {
    JavaClient own = new JavaClient();
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Map<String, Object> answer = new HashMap<>();
      try {
        answer.put("value", own.run(line));
        answer.put("ok", true);
      } catch (Exception error) {
        answer.put("ok", false);
        answer.put("error", spelled(error));
      }
      answers.println(JSON.writeValueAsString(answer));
      if (line.equals("close")) System.exit(0);
    }
  }
}
