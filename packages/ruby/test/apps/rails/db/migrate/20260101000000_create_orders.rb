# frozen_string_literal: true

# Orders of the shop.
class CreateOrders < ActiveRecord::Migration[6.1]
  def change
    create_table :orders do |t|
      t.string :checkout, null: false, index: { unique: true }
      t.timestamps
    end
  end
end
