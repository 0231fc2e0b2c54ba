import { Body, Query, ValidationPipe, type ArgumentMetadata, type ValidationError } from '@nestjs/common';
import { AppError, type FieldError } from '#kernel';
import { validate } from 'class-validator';

const MAX_ERRORS = 50;

function flatten(problems: readonly ValidationError[], parent = ''): FieldError[] {
  return problems.flatMap((problem) => {
    const path = parent ? `${parent}.${problem.property}` : problem.property;
    const own = Object.entries(problem.constraints ?? {}).map(([kind, text]) => ({
      path: path.slice(0, 256),
      message: kind === 'whitelistValidation' ? 'is unknown' : withoutName(text, problem.property),
    }));
    return [...own, ...flatten(problem.children ?? [], path)];
  });
}

const withoutName = (text: string, name: string): string =>
  text.startsWith(`${name} `) ? text.slice(name.length + 1) : text;

const refuse = (errors: readonly FieldError[]): AppError =>
  new AppError('validation_failed', {
    detail: `${errors[0]?.path ?? 'body'} ${errors[0]?.message ?? 'is invalid'}.`,
    errors,
  });

/** A member named as something that objects inherit would, on an instance, hide what the validator looks for. */
function refuseInherited(value: unknown): void {
  const inherited = Object.keys(value ?? {}).filter((name) => name in Object.prototype);
  if (inherited.length > 0) throw refuse(inherited.map((path) => ({ path, message: 'is unknown' })));
}

/**
 * Takes bodies as they were sent. Nest's own pipe runs class-transformer over them, which drops, at any depth and
 * without a word, members named as something that objects inherit (`constructor`, `toString`).
 */
class InputPipe extends ValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const { type, metatype } = metadata;
    const isInput = type === 'body' || type === 'query';
    if (!isInput || !metatype || !this.toValidate(metadata)) return super.transform(value, metadata);
    refuseInherited(value);
    if (type === 'query') return super.transform(value, metadata);
    const body = value ?? {};
    if (typeof body !== 'object' || Array.isArray(body)) {
      throw refuse([{ path: 'body', message: 'must be an object' }]);
    }
    const input = Object.assign(new metatype() as object, body);
    const problems = await validate(input, this.validatorOptions);
    if (problems.length > 0) throw this.exceptionFactory(problems);
    return input;
  }
}

const INPUT = new InputPipe({
  transform: true,
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  validationError: { target: false, value: false },
  exceptionFactory: (problems) => refuse(flatten(problems).slice(0, MAX_ERRORS)),
});

/*
 * How a route takes its input; ESLint lets nobody outside take Nest's own. A pipe for the whole application would see
 * each parameter of each request as well, in five promises apiece.
 */

/** The body, checked against the class it is typed with: unknown members are refused by name, nothing is coerced silently. */
export const ValidBody = (): ParameterDecorator => Body(INPUT);

/** The query, checked likewise. */
export const ValidQuery = (): ParameterDecorator => Query(INPUT);

/** The body of a route with `@RouteSchema({ body })`, which Fastify has checked already: for hot paths. */
export const SchemaBody = (): ParameterDecorator => Body();
