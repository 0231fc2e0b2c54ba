import { hello } from '#kernel';
process.stdout.write(hello + '\n');
