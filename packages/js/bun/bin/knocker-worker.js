#!/usr/bin/env bun
import { runWorkerCommand } from "../dist/command.js";

process.exitCode = await runWorkerCommand(process.argv.slice(2));
