// A server of the Go SDK over stdio, of whichever era its client opens it in: every tool, the prompt and the resource ask that client.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// What the client said of its roots when it was asked outside all calls, which only the handshake era can do.
var earlyRoots = make(chan string, 1)

type none struct{}

type handler = mcp.ToolHandlerFor[none, any]

func nameQuestion() *mcp.ElicitParams {
	return &mcp.ElicitParams{
		Message: "Who is it?",
		RequestedSchema: map[string]any{
			"type":       "object",
			"properties": map[string]any{"name": map[string]any{"type": "string"}, "color": map[string]any{"type": "string"}},
			"required":   []string{"name"},
		},
	}
}

func greetingQuestion() *mcp.CreateMessageParams {
	return &mcp.CreateMessageParams{
		MaxTokens: 16,
		Messages:  []*mcp.SamplingMessage{{Role: "user", Content: &mcp.TextContent{Text: "hi"}}},
	}
}

// questions are one of each kind, asked in one round.
func questions() mcp.InputRequestMap {
	return mcp.InputRequestMap{"elicit": nameQuestion(), "sample": greetingQuestion(), "roots": &mcp.ListRootsParams{}}
}

func spell(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func said(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

func pid(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any, error) {
	return said(fmt.Sprint(os.Getpid())), nil, nil
}

// era tells in which of the two its client has opened this process.
func era(_ context.Context, request *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
	if hello := request.Session.InitializeParams(); hello != nil && hello.ProtocolVersion < "2026-07-28" {
		return said("legacy"), nil, nil
	}
	return said("modern"), nil, nil
}

// askFor asks for one thing, in either era: the SDK makes a request of it where the client has a handshake.
func askFor(what string) handler {
	return func(_ context.Context, request *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
		if answers := request.Params.InputResponses; len(answers) > 0 {
			return said(spell(answers)), nil, nil
		}
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{what: questions()[what]}}, nil, nil
	}
}

// push answers with what a request of its own was answered, as servers of the handshake era do in the middle of a call.
func push[Params, Result any](send func(*mcp.ServerSession, context.Context, Params) (Result, error), params Params) handler {
	return func(ctx context.Context, request *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
		answer, err := send(request.Session, ctx, params)
		if err != nil {
			return nil, nil, err
		}
		return said(spell(answer)), nil, nil
	}
}

// ask asks for all in one round.
func ask(_ context.Context, request *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
	if answers := request.Params.InputResponses; len(answers) > 0 {
		return said(spell(answers)), nil, nil
	}
	return &mcp.CallToolResult{InputRequests: questions()}, nil, nil
}

// askTwice asks in two rounds and carries what it knows in its state.
func askTwice(_ context.Context, request *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
	answers := request.Params.InputResponses
	switch {
	case len(answers) == 0:
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"elicit": nameQuestion()}, RequestState: "first"}, nil, nil
	case request.Params.RequestState == "first":
		return &mcp.CallToolResult{
			InputRequests: mcp.InputRequestMap{"sample": greetingQuestion()},
			RequestState:  spell(answers),
		}, nil, nil
	default:
		return said(request.Params.RequestState + spell(answers)), nil, nil
	}
}

func tellEarlyRoots(ctx context.Context, _ *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
	select {
	case roots := <-earlyRoots:
		earlyRoots <- roots
		return said(roots), nil, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

func askInPrompt(_ context.Context, request *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	answers := request.Params.InputResponses
	if len(answers) == 0 {
		return &mcp.GetPromptResult{InputRequests: questions()}, nil
	}
	message := &mcp.PromptMessage{Role: "user", Content: &mcp.TextContent{Text: spell(answers)}}
	return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{message}}, nil
}

func askInResource(_ context.Context, request *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	answers := request.Params.InputResponses
	if len(answers) == 0 {
		// Without contents, if only none of them, the SDK refuses to ask a client of the handshake era.
		return &mcp.ReadResourceResult{InputRequests: questions(), Contents: []*mcp.ResourceContents{}}, nil
	}
	contents := &mcp.ResourceContents{URI: request.Params.URI, MIMEType: "text/plain", Text: spell(answers)}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{contents}}, nil
}

// askEarly asks for roots as soon as the handshake is over, in the middle of no call.
func askEarly(_ context.Context, request *mcp.InitializedRequest) {
	go func() {
		roots, err := request.Session.ListRoots(context.Background(), nil)
		if err != nil {
			earlyRoots <- err.Error()
			return
		}
		earlyRoots <- spell(roots)
	}()
}

func main() {
	server := mcp.NewServer(&mcp.Implementation{Name: "go-both-eras", Version: "1"}, &mcp.ServerOptions{InitializedHandler: askEarly})
	tools := map[string]handler{
		"era":         era,
		"pid":         pid,
		"elicit":      askFor("elicit"),
		"sample":      askFor("sample"),
		"roots":       askFor("roots"),
		"push-elicit": push((*mcp.ServerSession).Elicit, nameQuestion()),
		"push-sample": push((*mcp.ServerSession).CreateMessage, greetingQuestion()),
		"push-roots":  push((*mcp.ServerSession).ListRoots, nil),
		"ask":         ask,
		"ask-twice":   askTwice,
		"early-roots": tellEarlyRoots,
	}
	for name, handle := range tools {
		mcp.AddTool(server, &mcp.Tool{Name: name}, handle)
	}
	server.AddPrompt(&mcp.Prompt{Name: "ask"}, askInPrompt)
	server.AddResource(&mcp.Resource{URI: "ask://client", Name: "ask"}, askInResource)
	if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		log.Fatal(err)
	}
}
