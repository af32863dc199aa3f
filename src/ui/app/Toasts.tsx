import { useEffect } from 'react';
import type { Toast } from '../../state/uiSlice.ts';
import { useApp } from '../../state/useApp.ts';
import { IconButton } from '../widgets/Button.tsx';
import { Icon } from '../widgets/Icon.tsx';

const passingMs = 6000;

function ToastCard({ toast }: { toast: Toast }) {
  const dismiss = useApp((state) => state.ui.dismissToast);
  useEffect(() => {
    if (toast.tone === 'error') return;
    const timer = setTimeout(() => dismiss(toast.id), passingMs);
    return () => clearTimeout(timer);
  }, [toast, dismiss]);
  return (
    <div className={`app-toast app-toast-${toast.tone}`} role={toast.tone === 'error' ? 'alert' : 'status'}>
      <Icon name={toast.tone === 'error' ? 'error' : toast.tone === 'success' ? 'check' : 'info'} />
      <div>
        <strong>{toast.title}</strong>
        {toast.detail ? <p>{toast.detail}</p> : null}
      </div>
      <IconButton icon="close" label="Dismiss" onClick={() => dismiss(toast.id)} />
    </div>
  );
}

/** Short messages in a corner. Errors are announced at once and stay until closed; others pass. */
export function Toasts() {
  const toasts = useApp((state) => state.ui.toasts);
  if (toasts.length === 0) return null;
  return (
    <section className="app-toasts" aria-label="Messages">
      {toasts.map((toast) => (
        <ToastCard key={toast.id} toast={toast} />
      ))}
    </section>
  );
}
