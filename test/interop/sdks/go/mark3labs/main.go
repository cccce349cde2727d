// mcp-go as a client that the interop driver commands.
// MCP_URL and MCP_BEARER say where and as whom, MCP_TRANSPORT is http or sse, and MCP_REVISION, if any, is what is proposed.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"mcp-edge/interop/commands"
)

type foreign struct{ client *client.Client }

type human struct{}

func (human) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{
		Action:  mcp.ElicitationResponseActionAccept,
		Content: map[string]any{"name": "Grace"},
	}}, nil
}

func (human) CreateMessage(context.Context, mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
	return &mcp.CreateMessageResult{
		SamplingMessage: mcp.SamplingMessage{Role: mcp.RoleAssistant, Content: mcp.NewTextContent("sampled by a client")},
		Model:           "test",
	}, nil
}

func (human) ListRoots(context.Context, mcp.ListRootsRequest) (*mcp.ListRootsResult, error) {
	return &mcp.ListRootsResult{Roots: []mcp.Root{{URI: "file:///tmp/root", Name: "root"}}}, nil
}

func headers() map[string]string {
	if token := os.Getenv("MCP_BEARER"); token != "" {
		return map[string]string{"Authorization": "Bearer " + token}
	}
	return map[string]string{}
}

func way() (transport.Interface, error) {
	if os.Getenv("MCP_TRANSPORT") == "sse" {
		return transport.NewSSE(os.Getenv("MCP_URL"), transport.WithHeaders(headers()))
	}
	options := []transport.StreamableHTTPCOption{transport.WithHTTPHeaders(headers())}
	// Without it a client of the handshake era never opens the GET stream.
	if revision := os.Getenv("MCP_REVISION"); revision != "" && !mcp.IsModernProtocol(revision) {
		options = append(options, transport.WithContinuousListening())
	}
	return transport.NewStreamableHTTP(os.Getenv("MCP_URL"), options...)
}

func (f *foreign) Connect() (any, error) {
	own, err := way()
	if err != nil {
		return nil, err
	}
	f.client = client.NewClient(own,
		client.WithElicitationHandler(human{}),
		client.WithSamplingHandler(human{}),
		client.WithRootsHandler(human{}),
		client.WithProtocolVersion(os.Getenv("MCP_REVISION")),
	)
	if err := f.client.Start(context.Background()); err != nil {
		return nil, err
	}
	request := mcp.InitializeRequest{}
	request.Params.ClientInfo = mcp.Implementation{Name: "mcp-go", Version: "1"}
	result, err := f.client.Initialize(context.Background(), request)
	if err != nil {
		return nil, err
	}
	return result.ProtocolVersion, nil
}

func (f *foreign) List() (any, error) {
	listed, err := f.client.ListTools(context.Background(), mcp.ListToolsRequest{})
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, tool := range listed.Tools {
		names = append(names, tool.Name)
	}
	return names, nil
}

func (f *foreign) Call(name string, arguments map[string]any) (any, error) {
	request := mcp.CallToolRequest{}
	request.Params.Name = name
	request.Params.Arguments = arguments
	result, err := f.client.CallTool(context.Background(), request)
	if err != nil {
		return nil, err
	}
	if len(result.Content) == 0 {
		return nil, fmt.Errorf("%s answered without content", name)
	}
	text, ok := result.Content[0].(mcp.TextContent)
	if !ok || result.IsError {
		return nil, fmt.Errorf("%s answered %#v", name, result.Content[0])
	}
	return text.Text, nil
}

func (f *foreign) Ask() (any, error) {
	return commands.AskAll(f)
}

func (f *foreign) Close() (any, error) {
	return nil, f.client.Close()
}

func main() {
	commands.Serve(&foreign{})
}
