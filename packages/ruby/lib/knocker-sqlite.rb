# frozen_string_literal: true

# What Bundler requires by itself is named as the gem.
require "knocker"
