/** What a request says of its body before it is read. */

/** Its length: 0 where there is none, undefined where it is not told. */
export function announcedLength(contentLength: string | null | undefined, isChunked: boolean): number | undefined {
  if (contentLength === null || contentLength === undefined || contentLength === "") return isChunked ? undefined : 0;
  const length = Number(contentLength);
  return Number.isNaN(length) ? undefined : length;
}

/** A body, or its beginning where it is larger than the endpoint takes. */
export interface Body {
  bytes: Uint8Array;
  truncated: boolean;
}

/**
 * Whether a body is shorter than its `Content-Length`, which is of the compressed form where a parser or a server has unpacked it. A Node or a Bun that
 * reads it holds senders to that length; what was read and kept by somebody else may have ended early.
 */
export function isShort(bytes: ArrayBuffer | Uint8Array, announced: number | undefined, encoding: string | null | undefined): boolean {
  const unpacked = encoding !== null && encoding !== undefined && encoding !== "" && encoding.toLowerCase() !== "identity";
  return announced !== undefined && !unpacked && bytes.byteLength < announced;
}

/** No body. */
export const NO_BODY: Body = { bytes: new Uint8Array(), truncated: false };

/** One that is too large by its own word. */
export const TOO_LARGE: Body = { bytes: new Uint8Array(), truncated: true };

/** What has come of a body, in one piece: a sender decides how many chunks there are, and a list of chunks of a byte each is a hundred times the body. */
export class Gathered {
  readonly #limit: number;
  #bytes = new Uint8Array();
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a chunk, up to one byte more than the limit; returns whether that is reached. */
  add(chunk: Uint8Array): boolean {
    const fitting = chunk.subarray(0, this.#limit + 1 - this.#size);
    const size = this.#size + fitting.length;
    if (this.#size === 0) {
      // Most bodies come in one.
      this.#bytes = fitting as Uint8Array<ArrayBuffer>;
    } else {
      if (size > this.#bytes.length) {
        const grown = new Uint8Array(Math.min(Math.max(2 * this.#bytes.length, size), this.#limit + 1));
        grown.set(this.#bytes.subarray(0, this.#size));
        this.#bytes = grown;
      }
      this.#bytes.set(fitting, this.#size);
    }
    this.#size = size;
    return size > this.#limit;
  }

  get body(): Body {
    return { bytes: this.#bytes.subarray(0, this.#size), truncated: this.#size > this.#limit };
  }
}
