# frozen_string_literal: true

# How long puma waits for a body before it answers 408 itself, and for another request before it closes a connection; some cases wait for that.
first_data_timeout 5
persistent_timeout 5
# Its own answers to an app that fails say nothing of the app.
lowlevel_error_handler { |_error| [500, { "content-type" => "text/plain" }, ["internal error"]] }
