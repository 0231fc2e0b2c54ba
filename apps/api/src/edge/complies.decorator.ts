import { registerDecorator } from 'class-validator';

/** Validates a member by a rule of the domain: `fault` gives the reason why a value is refused, or undefined. */
export const Complies =
  (fault: (value: unknown) => string | undefined): PropertyDecorator =>
  (target, property) =>
    registerDecorator({
      name: 'complies',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: (value) => fault(value) === undefined,
        defaultMessage: (args) => `${args?.property ?? ''} ${fault(args?.value) ?? ''}`,
      },
    });
