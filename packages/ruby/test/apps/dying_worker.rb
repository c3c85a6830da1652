# frozen_string_literal: true

# A worker in a process of its own, which its handlers end.
$LOAD_PATH.unshift(File.expand_path("../../lib", __dir__), File.expand_path("../support", __dir__))
require "minitest"
require "scripted"

given = JSON.parse(ARGV.fetch(0))
clock = Knocker::Testing::FrozenClock.new(given["now"])
app = ScriptedApp.new(given["path"], clock, given["app"], logger: false, objects: given["objects"])
given["worker"] ? app.hooks.work : Knocker::Testing.drain(app.hooks, share_commits: given["share_commits"])
