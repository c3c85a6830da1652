// Pages that are made from data.
export function generated() {
  return [];
}
