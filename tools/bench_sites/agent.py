"""The agent of a bench: the witness at the third place."""

from .layout import AgentFiles, OperatorFiles, Programs
from .place import Place
from .processes import start_detached


class Agent(Place):
    kind = "agent"
    files: AgentFiles

    def __init__(self, files: AgentFiles, programs: Programs, operator: OperatorFiles):
        super().__init__(files, operator)
        self._programs = programs

    @property
    def title(self) -> str:
        return "The agent"

    def set_up_for_pairing(self, **settings: str) -> None:
        self._save(pair_settings=settings)
        self.write_config()

    def write_config(self, **changes: str) -> None:
        self._write_settings({
            "name": self.name,
            "data_dir": str(self.files.data),
            "listen": str(self.listen),
            "ready_file": str(self.files.ready),
            **self._record().get("pair_settings", {}),
            **changes,
        })

    def start(self, wait: bool = True) -> None:
        """Starts twinseal-agent; does nothing when it runs."""
        if self.running():
            return
        left_over = self.process()
        if left_over:
            left_over.kill()  # A ledger member that outlived it.
        self.files.ready.unlink(missing_ok=True)
        process = start_detached([str(self._programs.agent), "--config", str(self.files.config)],
                                 environment=self.service_environment(), log=self.files.log)
        self._save(pid=process.pid, start_time=process.start_time)
        if wait:
            self.wait_until_ready(process)
