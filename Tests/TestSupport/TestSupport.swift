import Fathom
