import assert from "node:assert/strict";

/** An object names the members that matter, an array is complete, anything else is equal; rules such as `$range` and `$any` mean what they say. */
export function compare(expected, actual, at) {
  const said = `${at} is ${shown(actual)}, expected ${shown(expected)}`;
  if (Array.isArray(expected)) {
    assert.ok(Array.isArray(actual) && actual.length === expected.length, said);
    expected.forEach((element, index) => compare(element, actual[index], `${at}[${index}]`));
    return;
  }
  if (expected === null || typeof expected !== "object") {
    assert.ok(expected === actual, said);
    return;
  }
  const [[rule, operand] = []] = Object.entries(expected);
  if (Object.keys(expected).length === 1 && rule.startsWith("$") && rule !== "$base64") {
    assert.ok(holds(rule, operand, actual), said);
    return;
  }
  assert.ok(actual !== null && typeof actual === "object", said);
  for (const [name, member] of Object.entries(expected)) {
    assert.ok(name in actual, `${at} has no ${name}: ${JSON.stringify(actual)}`);
    compare(member, actual[name], `${at}.${name}`);
  }
}

function holds(rule, operand, actual) {
  switch (rule) {
    case "$not_null":
      return actual !== null;
    case "$range":
      return actual >= operand[0] && actual <= operand[1];
    case "$any":
      return operand.includes(actual);
    case "$contains":
      return typeof actual === "string" && actual.includes(operand);
    case "$longest":
      return typeof actual === "string" && actual !== "" && Buffer.byteLength(actual) <= operand;
    default:
      throw new Error(`the data files know no rule ${rule}`);
  }
}

/** As JSON, not all of it where it is long. */
function shown(value) {
  return String(JSON.stringify(value)).slice(0, 2000);
}

/** A typing error in the data must not look like success. */
export function onlyKeys(object, keys, at) {
  for (const key of Object.keys(object)) assert.ok(keys.includes(key), `${at} has an unknown key ${key}`);
}
