import { ValidationPipe, type ValidationError } from '@nestjs/common';
import { AppError, type FieldError } from '#kernel';

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

/** Bodies and queries against their DTO classes: unknown members are refused by name, nothing is coerced silently. */
export const createValidationPipe = (): ValidationPipe =>
  new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    validationError: { target: false, value: false },
    exceptionFactory: (problems) => {
      const errors = flatten(problems).slice(0, MAX_ERRORS);
      const [first] = errors;
      return new AppError('validation_failed', {
        detail: `${first?.path ?? 'body'} ${first?.message ?? 'is invalid'}.`,
        errors,
      });
    },
  });
