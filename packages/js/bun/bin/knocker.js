#!/usr/bin/env bun
import { runProgram } from "../dist/program.js";

process.exitCode = await runProgram(process.argv.slice(2));
