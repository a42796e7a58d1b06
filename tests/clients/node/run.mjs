// Runs Vercel's `ai` with one of its providers: a question is a line of JSON, and so is what it got.
//
// `node run.mjs openai-compatible http://127.0.0.1:8400` asks that gateway.

import { createInterface } from "node:readline";
import { operations } from "./vercel.mjs";

const [provider, address] = process.argv.slice(2);
// Clients that print must not disturb.
const print = process.stdout.write.bind(process.stdout);
console.log = console.info = console.warn = console.error;
const asking = operations(provider, address);

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, ...asked } = JSON.parse(line);
  let answer;
  try {
    answer = { got: await asking[operation](asked) };
  } catch (error) {
    answer = { raised: `${error.name}: ${error.message}` };
  }
  print(JSON.stringify(answer) + "\n");
}
