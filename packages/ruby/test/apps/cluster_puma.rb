# frozen_string_literal: true

workers 2
threads 5, 5
preload_app!
# A worker in each process that takes requests.
on_worker_boot { $worker = HOOKS.start_worker if ENV["SHOP_WORKS"] == "after the fork" } # rubocop:disable Style/GlobalVars
on_worker_shutdown { $worker&.stop } # rubocop:disable Style/GlobalVars
