[inputs: ["{mix,.formatter}.exs", "{config,lib,test,bench}/**/*.{ex,exs}", "../../extension/conformance/interop/elixir/*.exs"], line_length: 150]
