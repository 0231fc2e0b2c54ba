import { Controller, Get, Header, Param } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { AppError } from '#kernel';
import { Public } from '../edge/permission.decorator.js';
import { findErrorCode, renderErrorPage } from './error-page.js';

/** What `type` of a problem document points to. */
@ApiExcludeController()
@Controller('docs/errors')
export class ErrorPagesController {
  @Get(':code')
  @Public()
  @Header('content-type', 'text/markdown; charset=utf-8')
  page(@Param('code') code: string): string {
    const known = findErrorCode(code);
    if (!known) throw new AppError('route_not_found');
    return renderErrorPage(known);
  }
}
