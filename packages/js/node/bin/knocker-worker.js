#!/usr/bin/env node
import { runWorkerCommand } from "../dist/command.js";

process.exitCode = await runWorkerCommand(process.argv.slice(2));
