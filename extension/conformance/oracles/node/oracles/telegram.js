// grammY is the Telegram framework of Node and Deno.

import { Bot, webhookCallback } from "grammy";

const botInfo = { id: 1, is_bot: true, first_name: "Test", username: "test_bot" };

async function verify(request, secretToken) {
  const handle = webhookCallback(new Bot("1:not-a-token", { botInfo }), "std/http", { secretToken });
  return (await handle(request.fetched)).status === 200;
}

export const oracles = [{ case: "telegram", library: "grammy", verify }];
