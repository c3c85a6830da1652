#!/usr/bin/env bun
import { runWorkerCommand } from "../dist/bun/src/command.js";

process.exitCode = await runWorkerCommand(process.argv.slice(2));
