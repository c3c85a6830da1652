/** SQL and JSON say `max_attempts`, JavaScript says `maxAttempts`. */

/** `maxAttempts` → `max_attempts`, of a name. */
export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `max_attempts` → `maxAttempts`, of a name. */
export function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
