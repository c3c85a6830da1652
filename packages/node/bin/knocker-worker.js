#!/usr/bin/env node
import { runWorkerCommand } from "../dist/node/src/command.js";

process.exitCode = await runWorkerCommand(process.argv.slice(2));
