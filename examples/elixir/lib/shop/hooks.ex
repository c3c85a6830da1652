defmodule Shop.Hooks do
  @moduledoc "The endpoints of the shop. This module's name is that of its hooks."

  require Logger

  def options do
    [
      name: Shop.Hooks,
      database: System.get_env("SHOP_DB", "shop.db"),
      endpoints: endpoints(),
      on_dead: &page_somebody/2
    ]
  end

  def endpoints do
    [
      stripe: [
        provider: "stripe",
        secrets: [System.fetch_env!("STRIPE_WEBHOOK_SECRET")],
        handler: Shop.StripeHandler
      ],
      github: [
        provider: "github",
        secrets: [System.fetch_env!("GITHUB_WEBHOOK_SECRET")],
        handler: [{"push", &Shop.Builds.build/2}]
      ]
    ]
  end

  def page_somebody(event, reason) do
    Logger.error("event #{event.id} of #{event.endpoint} (#{event.type}) is dead: #{reason}")
  end
end
