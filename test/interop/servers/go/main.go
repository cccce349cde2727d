// A server of the Go SDK over stdio, of whichever era its client opens it in: every tool, the prompt and the resource ask that client.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// What has happened in this process.
var counted atomic.Int64

// What the client said of its roots when it was asked outside all calls, which only the handshake era can do.
var earlyRoots = make(chan string, 1)

type none struct{}

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
	return mcp.InputRequestMap{"name": nameQuestion(), "greeting": greetingQuestion(), "roots": &mcp.ListRootsParams{}}
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

func count(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any, error) {
	return said(fmt.Sprint(counted.Add(1))), nil, nil
}

func pid(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any, error) {
	return said(fmt.Sprint(os.Getpid())), nil, nil
}

// ask asks for all in one round, in either era: the SDK makes requests of it where the client has a handshake.
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
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"name": nameQuestion()}, RequestState: "first"}, nil, nil
	case request.Params.RequestState == "first":
		return &mcp.CallToolResult{
			InputRequests: mcp.InputRequestMap{"greeting": greetingQuestion()},
			RequestState:  spell(answers),
		}, nil, nil
	default:
		return said(request.Params.RequestState + spell(answers)), nil, nil
	}
}

// askAtOnce sends requests of its own in the middle of the call, as servers of the handshake era do.
func askAtOnce(ctx context.Context, request *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, any, error) {
	name, err := request.Session.Elicit(ctx, nameQuestion())
	if err != nil {
		return nil, nil, err
	}
	greeting, err := request.Session.CreateMessage(ctx, greetingQuestion())
	if err != nil {
		return nil, nil, err
	}
	roots, err := request.Session.ListRoots(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	return said(spell(name) + spell(greeting) + spell(roots)), nil, nil
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
	mcp.AddTool(server, &mcp.Tool{Name: "count"}, count)
	mcp.AddTool(server, &mcp.Tool{Name: "pid"}, pid)
	mcp.AddTool(server, &mcp.Tool{Name: "ask"}, ask)
	mcp.AddTool(server, &mcp.Tool{Name: "ask-twice"}, askTwice)
	mcp.AddTool(server, &mcp.Tool{Name: "ask-at-once"}, askAtOnce)
	mcp.AddTool(server, &mcp.Tool{Name: "early-roots"}, tellEarlyRoots)
	server.AddPrompt(&mcp.Prompt{Name: "ask"}, askInPrompt)
	server.AddResource(&mcp.Resource{URI: "ask://client", Name: "ask"}, askInResource)
	if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		log.Fatal(err)
	}
}
