# frozen_string_literal: true

workers 2
threads 5, 5
preload_app!
# Workers of Knocker's begin where the requests are taken: what runs in a process that forks cannot go on in its children.
on_worker_boot { $worker = HOOKS.start_worker if ENV["SHOP_WORKS"] } # rubocop:disable Style/GlobalVars
on_worker_shutdown { $worker&.stop } # rubocop:disable Style/GlobalVars
