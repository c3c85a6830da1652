for {name, value} <- [{"STRIPE_WEBHOOK_SECRET", "whsec_test"}, {"GITHUB_WEBHOOK_SECRET", "test-secret"}] do
  System.put_env(name, System.get_env(name, value))
end

ExUnit.start()
