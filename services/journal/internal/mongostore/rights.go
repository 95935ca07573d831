package mongostore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/pkg/journaldb"
)

// AnyRightsVariable is the setting that lets the journal start with rights that it does not need.
const AnyRightsVariable = "TILLROLL_MONGODB_ANY_RIGHTS"

// mostTold is how many rights an error names.
const mostTold = 5

// checkRights refuses a credential with which somebody who takes over this process could change or
// remove what stands in the journal, and one that cannot do all that the journal does. It asks the
// server itself, so it does not matter which roles give what.
func (s *Store) checkRights(ctx context.Context) error {
	var status struct {
		AuthInfo struct {
			Users      []bson.Raw `bson:"authenticatedUsers"`
			Privileges []struct {
				Resource journaldb.Granted `bson:"resource"`
				Actions  []string          `bson:"actions"`
			} `bson:"authenticatedUserPrivileges"`
		} `bson:"authInfo"`
	}
	ask := bson.D{{Key: "connectionStatus", Value: 1}, {Key: "showPrivileges", Value: true}}
	if err := s.platform.RunCommand(ctx, ask).Decode(&status); err != nil {
		return classify(err)
	}
	if len(status.AuthInfo.Users) == 0 {
		return errors.New("the MongoDB server lets the journal in without asking who it is, so anybody could change what stands there: " +
			"turn access control on and name user and password in MONGODB_URI, or set " + AnyRightsVariable + "=true for development")
	}
	var granted []journaldb.Granted
	for _, p := range status.AuthInfo.Privileges {
		p.Resource.Actions = p.Actions
		granted = append(granted, p.Resource)
	}
	who, use, role := "the journal", journaldb.ByService, journaldb.ServiceRole
	if s.archiver {
		who, use, role = "the archiver", journaldb.ByArchiver, journaldb.ArchiverRole
	}
	if missing := use.Missing(granted, s.platform.Name()); len(missing) > 0 {
		return fmt.Errorf("the MongoDB user lacks rights that %s needs: %s; give it the role %s as `tillctl mongo roles` makes it",
			who, told(missing), role)
	}
	var excess []string
	for _, g := range use.Excess(granted, s.platform.Name()) {
		excess = append(excess, g.String())
	}
	if len(excess) > 0 {
		return fmt.Errorf("the MongoDB user has rights that %s does not need, with which what stands there could be changed: %s; "+
			"give it the role %s alone, as `tillctl mongo roles` makes it, or set %s=true for development",
			who, told(excess), role, AnyRightsVariable)
	}
	return nil
}

func told(list []string) string {
	if len(list) > mostTold {
		return fmt.Sprintf("%s, and %d more", strings.Join(list[:mostTold], "; "), len(list)-mostTold)
	}
	return strings.Join(list, "; ")
}
