import { AppError } from '#kernel';
import { FILTER_LIMITS } from './filter-limits.js';
import { jsonPathFault } from './json-path-bounds.js';

/** A name and where it begins. */
export interface NameToken {
  readonly text: string;
  readonly at: number;
}

const BARE_NAME = /[^\s\p{Cc}.[\]";\\]+/uy;
const OPERATOR_NAME = /[A-Za-z_]+/y;

/** Cuts one filter parameter into names, operators and values. What a value is depends on the operator. */
export class Tokenizer {
  #at = 0;

  /** `ordinal` is the parameter's place among several, counted from 1; absent when it is the only one. */
  constructor(
    private readonly input: string,
    private readonly ordinal?: number,
  ) {}

  /** Where the next token begins. */
  get offset(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at >= this.input.length;
  }

  textFrom(start: number): string {
    return this.input.slice(start, this.#at);
  }

  /** Names joined by dots; a name with other characters than a bare one may have is quoted. */
  names(): [NameToken, ...NameToken[]] {
    const names: [NameToken, ...NameToken[]] = [this.#name('the name of a field')];
    while (this.#take('.'))
      names.push(this.#name('the name of a member, in quotes if it has special characters'));
    return names;
  }

  operator(): NameToken {
    if (!this.#take('[')) throw this.fault(this.#at, 'expected "[" and an operator');
    const at = this.#at;
    const text = this.#match(OPERATOR_NAME);
    if (!text) throw this.fault(at, 'expected the name of an operator');
    if (!this.#take(']')) throw this.fault(this.#at, 'expected "]" after the operator');
    return { text, at };
  }

  /** A quoted value, or the characters up to the next `;`. */
  value(): string {
    const value = this.#element(';');
    if (!this.done && this.input[this.#at] !== ';') {
      throw this.fault(this.#at, 'expected ";" or the end after a quoted value');
    }
    return value;
  }

  /** Values separated by commas; one with a comma in it is quoted. */
  values(): string[] {
    const values: string[] = [];
    do {
      if (values.length === FILTER_LIMITS.listElements) {
        throw this.fault(this.#at, `expected at most ${FILTER_LIMITS.listElements} list elements`);
      }
      values.push(this.#element(';,'));
    } while (this.#take(','));
    if (!this.done && this.input[this.#at] !== ';') {
      throw this.fault(this.#at, 'expected ",", ";" or the end after a quoted value');
    }
    return values;
  }

  /** The characters up to the next `;`, perhaps none. */
  rest(): string {
    const start = this.#at;
    const end = this.input.indexOf(';', start);
    this.#at = end === -1 ? this.input.length : end;
    return this.textFrom(start);
  }

  /** SQL/JSON path text up to the next `;` that is not inside one of its double-quoted strings. */
  jsonPath(): string {
    const start = this.#at;
    while (!this.done && this.input[this.#at] !== ';') {
      if (this.input[this.#at] === '"') this.#skipJsonPathString();
      else this.#at += 1;
    }
    const path = this.textFrom(start);
    if (path.trim() === '') throw this.fault(start, 'expected a SQL/JSON path');
    if (path.length > FILTER_LIMITS.jsonPathCharacters) {
      throw this.fault(
        start,
        `expected a SQL/JSON path of at most ${FILTER_LIMITS.jsonPathCharacters} characters`,
      );
    }
    const fault = jsonPathFault(path);
    if (fault) throw this.fault(start, fault);
    return path;
  }

  /** Steps over a `;`. False at the end. */
  separator(): boolean {
    return this.#take(';');
  }

  /** An error that says where, counted in characters from 1, and what was expected. */
  fault(at: number, message: string): AppError {
    const position = [...this.input.slice(0, at)].length + 1;
    const place =
      this.ordinal === undefined ? `Position ${position}` : `Filter ${this.ordinal}, position ${position}`;
    return new AppError('invalid_filter', { detail: `${place}: ${message}.` });
  }

  #name(expected: string): NameToken {
    const at = this.#at;
    if (this.input[at] === '"') return { text: this.#quoted(), at };
    const text = this.#match(BARE_NAME);
    if (!text) throw this.fault(at, `expected ${expected}`);
    return { text, at };
  }

  #element(ends: string): string {
    if (this.input[this.#at] === '"') return this.#quoted();
    const start = this.#at;
    while (!this.done && !ends.includes(this.input[this.#at] ?? '')) this.#at += 1;
    if (this.#at === start) throw this.fault(start, 'expected a value; an empty one is written ""');
    return this.textFrom(start);
  }

  #quoted(): string {
    const start = this.#at;
    let value = '';
    for (this.#at += 1; !this.done; this.#at += 1) {
      let character = this.input[this.#at] ?? '';
      if (character === '"') {
        this.#at += 1;
        return value;
      }
      if (character === '\\') {
        this.#at += 1;
        character = this.input[this.#at] ?? '';
        if (character !== '"' && character !== '\\') {
          throw this.fault(this.#at, String.raw`expected \" or \\ after a backslash inside quotes`);
        }
      }
      value += character;
    }
    throw this.fault(start, 'expected a closing quote for the quote that begins here');
  }

  #skipJsonPathString(): void {
    const start = this.#at;
    for (this.#at += 1; !this.done; this.#at += 1) {
      if (this.input[this.#at] === '\\') this.#at += 1;
      else if (this.input[this.#at] === '"') {
        this.#at += 1;
        return;
      }
    }
    throw this.fault(start, 'expected a closing quote for the string that begins here');
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.input)?.[0];
    this.#at += match?.length ?? 0;
    return match;
  }

  #take(character: string): boolean {
    if (this.input[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }
}
