import { Component, type ReactNode } from 'react';
import { messageOf } from '../../core/errors.ts';
import { Button } from '../widgets/Button.tsx';
import { Callout } from '../widgets/States.tsx';

/** Keeps an error in one part of the page from taking the rest with it, and says what happened. */
export class ErrorBoundary extends Component<
  { readonly what: string; readonly children: ReactNode },
  { readonly error: unknown }
> {
  override state: { readonly error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <div className="app-error">
        <Callout
          tone="bad"
          title={`${this.props.what} stopped with an error`}
          actions={
            <Button icon="refresh" onClick={() => this.setState({ error: null })}>
              Try again
            </Button>
          }
        >
          <p>
            Your data is safe: it lies in the project, not in this view. If trying again does not help, reload
            the page and report the text below.
          </p>
          <pre className="app-error-text">
            {error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}
          </pre>
        </Callout>
      </div>
    );
  }
}
