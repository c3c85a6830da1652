/** The base of every error; the classes of `error-classes.ts` are generated. */

/** What a class says of its errors, where one of them is to say something else. */
export interface ErrorFacts {
  code?: string;
  retryable?: boolean;
  hint?: string;
}

/** Every error that Knocker throws. */
export class KnockerError extends Error {
  static readonly code: string = "error";
  static readonly retryable: boolean = false;
  static readonly hint: string = "";

  /** The stable code: `"busy"`, `"unknown_endpoint"` and so on. */
  readonly code: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** What the person who reads the error can do. */
  readonly hint: string;

  constructor(message: string, options?: ErrorOptions & ErrorFacts) {
    super(message, options);
    this.name = new.target.name;
    this.code = options?.code ?? new.target.code;
    this.retryable = options?.retryable ?? new.target.retryable;
    this.hint = options?.hint ?? new.target.hint;
  }
}
