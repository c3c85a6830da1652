/** What SQL gives, before it is read: a row of a view, or a result of a call. */

/** Its columns, or the members of its JSON. */
export type Values = Readonly<Record<string, unknown>>;

/** Unix milliseconds. */
export const date = (value: unknown): Date => new Date(Number(value));

/** A column whose text is JSON. */
export const json = (value: unknown): unknown => JSON.parse(value as string);

/** The JSON that a function returned. */
export const resultOf = (value: unknown): Values => json(value) as Values;
