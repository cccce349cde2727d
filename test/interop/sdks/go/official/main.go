// The Go SDK as a client that the interop driver commands.
// MCP_URL and MCP_BEARER say where and as whom, MCP_TRANSPORT is http or sse, and MCP_REVISION, if any, is what is proposed.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-edge/interop/commands"
)

type bearer struct{ token string }

func (b bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	if b.token == "" {
		return http.DefaultTransport.RoundTrip(request)
	}
	own := request.Clone(request.Context())
	own.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(own)
}

type client struct{ session *mcp.ClientSession }

// spelled adds the data of an error of the relay, which the SDK leaves out of its text.
func spelled(err error) error {
	var wire *jsonrpc.Error
	if errors.As(err, &wire) && len(wire.Data) > 0 {
		return fmt.Errorf("%w %s", err, wire.Data)
	}
	return err
}

func transport() mcp.Transport {
	own := &http.Client{Transport: bearer{os.Getenv("MCP_BEARER")}}
	if os.Getenv("MCP_TRANSPORT") == "sse" {
		return &mcp.SSEClientTransport{Endpoint: os.Getenv("MCP_URL"), HTTPClient: own}
	}
	return &mcp.StreamableClientTransport{Endpoint: os.Getenv("MCP_URL"), HTTPClient: own}
}

func elicit(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
	return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Grace"}}, nil
}

func sample(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
	return &mcp.CreateMessageResult{Role: "assistant", Model: "test", Content: &mcp.TextContent{Text: "sampled by a client"}}, nil
}

func (c *client) Connect() (any, error) {
	made := mcp.NewClient(&mcp.Implementation{Name: "go-sdk", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler:   elicit,
		CreateMessageHandler: sample,
		// With a handler a client of 2026-07-28 listens, for as long as it is connected.
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) {},
	})
	made.AddRoots(&mcp.Root{URI: "file:///tmp/root", Name: "root"})
	session, err := made.Connect(context.Background(), transport(), &mcp.ClientSessionOptions{ProtocolVersion: os.Getenv("MCP_REVISION")})
	if err != nil {
		return nil, spelled(err)
	}
	c.session = session
	return session.InitializeResult().ProtocolVersion, nil
}

func (c *client) List() (any, error) {
	listed, err := c.session.ListTools(context.Background(), nil)
	if err != nil {
		return nil, spelled(err)
	}
	names := []string{}
	for _, tool := range listed.Tools {
		names = append(names, tool.Name)
	}
	return names, nil
}

func (c *client) Call(name string, arguments map[string]any) (any, error) {
	result, err := c.session.CallTool(context.Background(), &mcp.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		return nil, spelled(err)
	}
	if len(result.Content) == 0 {
		return nil, fmt.Errorf("%s answered without content", name)
	}
	text, ok := result.Content[0].(*mcp.TextContent)
	if !ok || result.IsError {
		return nil, fmt.Errorf("%s answered %#v", name, result.Content[0])
	}
	return text.Text, nil
}

func (c *client) Ask() (any, error) {
	return commands.AskAll(c)
}

func (c *client) Close() (any, error) {
	return nil, c.session.Close()
}

func main() {
	commands.Serve(&client{})
}
