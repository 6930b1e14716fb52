"""Members and proxy tokens on a plant's journal, with a router that can be away."""

from __future__ import annotations

from homeport.control.members import Members
from homeport.control.proxytokens import ProxyTokens
from homeport.router.render import Tokens, check_tokens
from homeport.store.members import MemberTable
from homeport.store.proxytokens import ProxyTokenTable
from homeport.store.tokens import TokenStore

from .plant import Plant


class People:
    def __init__(self, plant: Plant) -> None:
        self.told: list[Tokens] = []
        self.away: OSError | None = None
        self.environments = plant.environments
        keys = plant.database.path.parent
        self.admins = TokenStore(keys)
        self.admins.ensure_admin()
        self.members = Members(MemberTable(plant.database), self.environments, plant.loop, self.admins)
        self.proxy_tokens = ProxyTokens(ProxyTokenTable(plant.database), self.environments, plant.loop, self._tell)

    async def _tell(self, tokens: Tokens) -> None:
        check_tokens(tokens)
        if self.away is not None:
            raise self.away
        self.told.append(tokens)
